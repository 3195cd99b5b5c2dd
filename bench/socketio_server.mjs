// bench/socketio_server.mjs PORT: rooms by socket.io, as its documentation has them: "join" enters a
// room, "event" goes to all of it. One of those that bench/peers.mjs measures.

import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, {
    transports: ['websocket'], perMessageDeflate: false, serveClient: false,
    pingInterval: 600_000, // the generator does not answer
});
io.on('connection', (socket) => {
    socket.on('join', (room) => {
        socket.join(room);
        socket.emit('joined');
    });
    socket.on('event', (room, event) => io.to(room).emit('event', event));
});
http.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
