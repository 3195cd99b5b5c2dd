// What a message's text has in it: addresses to follow, or nothing but emoji.

export type Part = { kind: 'text' | 'link'; text: string };

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]+/giu;
/** Ends a sentence around an address, and is no part of it. */
const TRAILING = /[.,;:!?…»”’]+$/u;
const PAIRS = { ')': '(', ']': '[', '}': '{' } as const;

/** The text in order, cut where an http or https address begins and ends. */
export function parts(text: string): Part[] {
    const found: Part[] = [];
    let end = 0;
    for (const { 0: match, index } of text.matchAll(ADDRESS)) {
        const address = trimmed(match);
        if (isAddress(address)) {
            found.push({ kind: 'text', text: text.slice(end, index) }, { kind: 'link', text: address });
            end = index + address.length;
        }
    }
    found.push({ kind: 'text', text: text.slice(end) });
    return found.filter(({ text: some }) => some !== '');
}

function isAddress(text: string): boolean {
    try {
        return new URL(text).hostname !== '';
    } catch {
        return false;
    }
}

/** Without the full stop after it, or the bracket that was opened before it. */
function trimmed(address: string): string {
    for (;;) {
        const shorter = address.replace(TRAILING, '');
        const last = shorter.at(-1) as keyof typeof PAIRS;
        const opening = PAIRS[last];
        const isOpen = opening && shorter.split(last).length > shorter.split(opening).length;
        if (!isOpen) {
            return shorter;
        }
        address = shorter.slice(0, -1);
    }
}

const MAX_LARGE = 6;
const EMOJI = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\u{FE0F}?\u{20E3})/u;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** One to six emoji and nothing else: they are shown large. */
export function isEmojiOnly(text: string): boolean {
    let count = 0;
    for (const { segment } of graphemes.segment(text)) {
        if (EMOJI.test(segment)) {
            count++;
        } else if (segment.trim() !== '') {
            return false;
        }
        if (count > MAX_LARGE) {
            return false;
        }
    }
    return count > 0;
}
