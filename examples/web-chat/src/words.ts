/** "Ann", "Ann and Bob", "Ann, Bob and Carl". */
export function listed(names: string[]): string {
    return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** The first letters of at most two words. */
export function initials(name: string): string {
    const words = name.split(/[\s,.&_-]+/).filter(Boolean);
    const letters = (words.length > 1 ? words.slice(0, 2) : [name]).map((word) => [...word][0] ?? '');
    return letters.join('').toUpperCase();
}

const HUES = [25, 60, 120, 165, 200, 240, 285, 335];

/** A hue that a name or id always gets. */
export function hueOf(id: string): number {
    let hash = 2_166_136_261; // FNV-1a: ids that differ in a digit get colours of their own
    for (const letter of id) {
        hash = Math.imul(hash ^ letter.charCodeAt(0), 16_777_619);
    }
    return HUES[(hash >>> 16) % HUES.length] as number;
}
