// Times as people write them, in the browser's language.

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });

/** Calendar days from then to now: 0 is today. */
function daysAgo(then: Date, now: Date): number {
    const midnight = (date: Date): number => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
    return Math.round((midnight(now) - midnight(then)) / 86_400_000);
}

export function timeOfDay(iso: string): string {
    return time.format(new Date(iso));
}

export function fullTime(iso: string): string {
    return full.format(new Date(iso));
}

/** For a line between two days: Today, Yesterday, Monday, 3 May, 3 May 2025. */
export function dayName(iso: string, now = new Date()): string {
    const date = new Date(iso);
    const ago = daysAgo(date, now);
    if (ago <= 0) {
        return 'Today';
    }
    if (ago === 1) {
        return 'Yesterday';
    }
    return (ago < 7 ? weekday : date.getFullYear() === now.getFullYear() ? day : dayOfYear).format(date);
}

/** For the list of chats: the time today, else the day. */
export function briefly(iso: string, now = new Date()): string {
    const date = new Date(iso);
    const ago = daysAgo(date, now);
    return ago <= 0 ? time.format(date) : ago < 7 ? dayName(iso, now) : shortDay.format(date);
}
