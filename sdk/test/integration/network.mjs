// A way to a server that a test can cut.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * Resolves with `api`, the server's URL on this way. `cut()` ends every connection and refuses new
 * ones; with `silent` it swallows all that is said instead, as a network does that just went away.
 */
export async function network(server, { silent = false } = {}) {
    const sockets = new Set();
    const { port } = new URL(server.api);
    let cut = false;
    const keep = (socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined); // 'close' follows
        socket.on('close', () => sockets.delete(socket));
    };
    const end = () => sockets.forEach((socket) => socket.destroy());
    /** After a cut: ends what there is, unless that is not to be noticed. */
    const lose = () => {
        if (!silent) {
            end();
        }
    };
    const proxy = createServer((near) => {
        keep(near);
        if (cut) {
            lose();
            return;
        }
        const far = connect(port, '127.0.0.1');
        keep(far);
        for (const [one, other] of [[near, far], [far, near]]) {
            one.on('data', (bytes) => !cut && other.write(bytes));
            one.on('close', () => {
                if (!cut || !silent) {
                    other.destroy();
                }
            });
        }
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    return {
        api: `http://127.0.0.1:${proxy.address().port}`,
        cut() {
            cut = true;
            lose();
        },
        mend() {
            cut = false;
            end(); // what was swallowed does not come after all
        },
        close() {
            proxy.close();
            end();
        },
    };
}
