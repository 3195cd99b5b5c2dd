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
    let hash = 0;
    for (const letter of id) {
        hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
    }
    return HUES[hash % HUES.length] as number;
}
