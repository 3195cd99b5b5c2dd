// What the backend must be told, from the environment.

const HELP = `Set
  WHISP_URL      the server's chat API, like http://127.0.0.1:8080
  WHISP_API_KEY  a key of your app; it stays here, on the backend
Step 1 of the README at the root of this repository makes both.`;

/** {whispUrl, apiKey, port}; throws an Error that says what to set. */
export function readSettings({ WHISP_URL, WHISP_API_KEY, PORT = '3000' }) {
    const missing = [!WHISP_URL && 'WHISP_URL', !WHISP_API_KEY && 'WHISP_API_KEY'].filter(Boolean);
    if (missing.length > 0) {
        throw new Error(`${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not set. ${HELP}`);
    }
    if (!isHttpUrl(WHISP_URL)) {
        throw new Error(`WHISP_URL is ${WHISP_URL}, which is no http or https URL. ${HELP}`);
    }
    if (!/^\d{1,5}$/.test(PORT) || Number(PORT) > 65_535) {
        throw new Error(`PORT is ${PORT}; it must be a number from 0 to 65535.`);
    }
    return { whispUrl: WHISP_URL.replace(/\/+$/, ''), apiKey: WHISP_API_KEY, port: Number(PORT) };
}

function isHttpUrl(text) {
    try {
        return /^https?:$/.test(new URL(text).protocol);
    } catch {
        return false;
    }
}
