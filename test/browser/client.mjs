// What runs in the page. Each function is sent there as text, so it refers to nothing but its
// argument and the page: SockJS, StompJs, and `window.session`, which `open` leaves for the others.

export async function open({ api, jwt, transports, ticket }) {
    const authorization = { Authorization: `Bearer ${jwt}` };
    if (ticket === undefined) {
        const answer = await fetch(`${api}/api/auth/getTicket`, { headers: authorization });
        ({ ticket } = await answer.json());
    }
    const url = `${api}/api/wsConnect?ticket=${ticket}`;
    const session = { events: [], look() {} };
    const socket = () => {
        session.socket = transports === undefined ? new WebSocket(url.replace('http', 'ws')) :
            new SockJS(url, null, transports && { transports, timeout: 10_000 });
        return session.socket;
    };
    const client = new StompJs.Client({
        webSocketFactory: socket, connectHeaders: authorization, reconnectDelay: 0,
        heartbeatIncoming: 1000, heartbeatOutgoing: 1000,
    });
    session.client = client;
    session.closed = new Promise((done) => {
        client.onWebSocketClose = ({ code, reason }) => done([code, reason]);
    });
    window.session = session;
    await new Promise((done, fail) => {
        client.onStompError = (frame) => fail(new Error(`ERROR frame: ${frame.headers.message}`));
        session.closed.then((closed) => fail(new Error(`closed ${closed.join(' ')}`)));
        client.onConnect = () => {
            client.watchForReceipt('subscribed', done);
            client.subscribe('/user/queue/messages', (frame) => {
                session.events.push(JSON.parse(frame.body));
                session.look();
            }, { receipt: 'subscribed' });
        };
        client.activate();
    });
    return session.socket.transport ?? 'plain';
}

export async function post({ chatId, texts }) {
    const { client } = window.session;
    await Promise.all(texts.map((message, i) => new Promise((done) => {
        const receipt = `${Date.now()}-${i}`;
        client.watchForReceipt(receipt, done);
        client.publish({ destination: '/api/chat', headers: { receipt },
                         body: JSON.stringify({ type: 'SEND_MSG', chatId, message }) });
    })));
}

export async function messages(count) {
    const { session } = window;
    const texts = () => session.events.filter(({ type }) => type === 'SEND_MSG')
        .map(({ message }) => message);
    await new Promise((done) => {
        session.look = () => texts().length >= count && done();
        session.look();
    });
    return texts();
}

export async function close() {
    await window.session.client.deactivate();
    return window.session.closed;
}

export function closed() {
    return window.session.closed;
}
