// A TCP proxy of one device, which breaks its connections in the ways of networks.

import { connect, createServer } from 'node:net';

export class Proxy {
    #server;
    #pairs = new Set();
    swallow = false; // half-open: both sides stay, nothing passes
    stalled = false; // nothing passes down to the device; the server's output backs up

    async listen(target) {
        this.#server = createServer((near) => this.#join(near, target()));
        await new Promise((done) => this.#server.listen(0, '127.0.0.1', done));
        this.api = `http://127.0.0.1:${this.#server.address().port}`;
        return this;
    }

    #join(near, port) {
        const far = connect(port, '127.0.0.1');
        const pair = { near, far };
        this.#pairs.add(pair);
        const pass = (from, to) => {
            from.on('data', (data) => pair.silent || to.write(data));
            from.on('end', () => pair.silent || to.end());
            from.on('error', () => {});
            from.on('close', () => {
                if (!pair.silent) {
                    to.destroy();
                    this.#pairs.delete(pair);
                }
            });
        };
        pass(near, far);
        pass(far, near);
        if (this.stalled) {
            far.pause();
        }
    }

    stall() {
        this.stalled = true;
        this.#pairs.forEach(({ far }) => far.pause());
    }

    flow() {
        this.stalled = false;
        this.#pairs.forEach(({ far }) => far.resume());
    }

    /** Ends what is open: 'rst', 'fin', or 'silent' (the server is not told). */
    cut(how) {
        for (const pair of this.#pairs) {
            if (how === 'silent') {
                pair.silent = true;
                pair.near.destroy();
                continue;
            }
            const reset = how === 'rst' && !pair.far.writableEnded; // which libuv does not do after a shutdown
            pair.far[reset ? 'resetAndDestroy' : 'end']();
            pair.near.destroy();
            this.#pairs.delete(pair);
        }
    }

    close() {
        this.#pairs.forEach(({ near, far }) => [near, far].forEach((socket) => socket.destroy()));
        this.#server.close();
    }
}
