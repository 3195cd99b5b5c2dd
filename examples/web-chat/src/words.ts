/** "Ann", "Ann and Bob", "Ann, Bob and Carl". */
export function listed(names: string[]): string {
    return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** All names up to `max` and one more, else `max` of them and "38 others". */
export function summed(names: string[], max: number): string[] {
    return names.length <= max + 1 ? names : [...names.slice(0, max), `${names.length - max} others`];
}

/** For texts that have no markup: names of either direction do not turn the words around them. */
export function isolated(name: string): string {
    return `\u2068${name}\u2069`;
}

/** What the server counts: code points. A letter or an emoji may have several. */
export function lengthOf(text: string): number {
    let length = 0;
    for (const _ of text) {
        length++;
    }
    return length;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** At most `max` code points, cut between letters as people see them, with "…" for what is missing. */
export function shortened(text: string, max: number): string {
    if (lengthOf(text) <= max) {
        return text;
    }
    let kept = '', length = 1; // the ellipsis
    for (const { segment } of graphemes.segment(text)) {
        length += lengthOf(segment);
        if (length > max) {
            break;
        }
        kept += segment;
    }
    return `${kept.trimEnd()}…`;
}

/** The first letters of at most two words. */
export function initials(name: string): string {
    const words = name.split(/[\s,.&_-]+/).filter(Boolean);
    const letters = (words.length > 1 ? words.slice(0, 2) : [name]).map(firstLetter);
    return letters.join('').toUpperCase();
}

function firstLetter(word: string): string {
    for (const { segment } of graphemes.segment(word)) {
        return segment;
    }
    return '';
}

/** The name of a chat that was made without one. */
export function defaultName(names: string[], max: number): string {
    return shortened(listed(names), max);
}

/** What a chat is called: one of two people that has no name of its own, by the other one. */
export function chatTitle({ chatName, groupChat }: { chatName: string; groupChat: boolean }, myName: string): string {
    if (groupChat || myName === '') {
        return chatName;
    }
    const before = `${myName} and `, after = ` and ${myName}`;
    const other = chatName.startsWith(before) ? chatName.slice(before.length)
        : chatName.endsWith(after) ? chatName.slice(0, -after.length) : '';
    return other || chatName;
}

const HUES = [25, 60, 120, 165, 200, 240, 285, 335];

/** A hue that a name or id always gets. */
export function hueOf(id: string): number {
    let hash = 2_166_136_261; // FNV-1a: ids that differ in a digit get colours of their own
    for (const letter of id) {
        hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16_777_619);
    }
    return HUES[(hash >>> 16) % HUES.length] as number;
}
