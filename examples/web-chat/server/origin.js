/**
 * Whether a request comes from this site's page. Browsers say so in Origin with every POST; who is
 * no browser may leave it out, and has no user's rights to abuse.
 */
export function isSameOrigin({ headers }) {
    if (headers.origin === undefined) {
        return true;
    }
    try {
        return new URL(headers.origin).host === headers.host;
    } catch {
        return false; // "null", say
    }
}
