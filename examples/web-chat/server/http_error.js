/** A refusal, with a sentence for the person at the page. */
export class HttpError extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}
