import { useEffect, useMemo, useRef, useState } from 'react';
import type { WhispClient } from 'whisp-sdk';
import { useChats } from 'whisp-sdk/react';
import { useDrafts } from '../hooks/useDrafts';
import { useEndedChats } from '../hooks/useEndedChats';
import { useMe } from '../hooks/useMe';
import { useNotices } from '../hooks/useNotices';
import { openChat, useOpenChat } from '../hooks/useOpenChat';
import { useOutgoing } from '../hooks/useOutgoing';
import { useReloadWhenBack } from '../hooks/useReloadWhenBack';
import { forgetStored } from '../stored';
import { WhispContext } from '../whisp';
import { chatTitle } from '../words';
import { ChatView } from './ChatView';
import { ConnectionBanner } from './ConnectionBanner';
import { EmptyState } from './EmptyState';
import { Icon } from './Icon';
import { IconButton } from './IconButton';
import { NewChat } from './NewChat';
import { Sidebar } from './Sidebar';

/** An open page keeps trying to connect, for as long as a timer can be set. */
const CONNECT_MS = 2 ** 31 - 1;

/** All that is behind the sign-in: the chats beside the one that is open. */
export function Messenger({ whisp, userId }: { whisp: WhispClient; userId: string }) {
    const me = useMe(whisp, userId);
    const chats = useChats(whisp);
    const chatId = useOpenChat();
    const [creating, setCreating] = useState(false);
    const [caughtUp, setCaughtUp] = useState(false);
    const drafts = useDrafts(userId);
    const notices = useNotices(whisp, userId);
    useReloadWhenBack(whisp, chats);
    const context = useMemo(() => ({ whisp, me: me ?? { userId, username: '' } }), [whisp, me, userId]);

    const connect = (): void => void whisp.realtime.connect({ retry: true, timeout: CONNECT_MS }).catch(() => undefined);
    useEffect(() => {
        connect();
        return () => whisp.realtime.disconnect();
    }, [whisp]);
    const outbox = useOutgoing(whisp, userId); // after connect(): what waited goes out
    const { ended, close } = useEndedChats(whisp, userId, chats.chats, (one) => chatTitle(one, context.me.username));

    const chat = chats.chats.find((one) => one.chatId === chatId);
    const { loading, hasMore, error, loadMore, reload } = chats;
    const sought = useRef<string | null>(null);
    useEffect(() => {
        if (chatId && !chat && !loading && !error) {
            if (sought.current !== chatId) {
                sought.current = chatId; // just made, perhaps, and its event is still on the way
                reload();
            } else if (hasMore) {
                loadMore();
            } else {
                openChat(null); // deleted, or we are out of it
            }
        }
    }, [chatId, chat, loading, error, hasMore, loadMore, reload]);

    const unread = chats.chats.reduce((sum, { unreadCount }) => sum + unreadCount, 0);
    useEffect(() => {
        document.title = unread > 0 ? `(${unread}) Whisp chat` : 'Whisp chat';
    }, [unread]);

    async function signOut(): Promise<void> {
        openChat(null);
        await whisp.logout().catch(() => undefined); // this device is signed out all the same
        forgetStored(userId);
    }

    return (
        <WhispContext value={context}>
            <div className="messenger" data-open={chat ? '' : undefined}>
                <ConnectionBanner onConnect={connect} />
                <div className="banner-place" role="status">
                    {ended !== null && <div className="banner said">
                        <span dir="auto">{ended}</span> <IconButton icon="close" label="Close this notice" onClick={close} />
                    </div>}
                </div>
                <Sidebar list={chats} openId={chatId} caughtUp={caughtUp} onNew={() => setCreating(true)} onSignOut={signOut} />
                {chat ? <ChatView key={chat.chatId} chat={chat} outbox={outbox} notices={notices} drafts={drafts} onCaughtUp={setCaughtUp} /> : (
                    <main className="chat nothing">
                        {!chatId && <EmptyState icon={<Icon name="chat" />} title="Pick a chat">
                            <p className="soft">Or start a new one with the people you know.</p>
                        </EmptyState>}
                    </main>
                )}
                {creating && <NewChat onClose={() => setCreating(false)} />}
            </div>
        </WhispContext>
    );
}
