import { useEffect, useRef } from 'react';
import type { useChats } from 'whisp-sdk/react';
import { openChat } from '../hooks/useOpenChat';
import { useWhisp } from '../whisp';
import { Avatar } from './Avatar';
import { ChatList } from './ChatList';
import { IconButton } from './IconButton';

interface Props {
    list: ReturnType<typeof useChats>;
    openId: string | null;
    caughtUp: boolean;
    onNew(): void;
    onSignOut(): void;
}

export function Sidebar({ list, openId, caughtUp, onNew, onSignOut }: Props) {
    const { me } = useWhisp();
    const search = useRef<HTMLInputElement>(null);

    useEffect(() => {
        const press = (event: KeyboardEvent): void => {
            if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
                event.preventDefault();
                if (search.current && search.current.offsetParent === null) {
                    openChat(null); // one pane at a time: the other one is shown
                    requestAnimationFrame(() => search.current?.focus());
                }
                search.current?.focus();
                search.current?.select();
            }
        };
        addEventListener('keydown', press);
        return () => removeEventListener('keydown', press);
    }, []);

    return (
        <nav className="sidebar" aria-label="Chats">
            <header className="sidebar-header">
                <h1>Chats</h1>
                <IconButton icon="compose" label="New chat" className="accent" onClick={onNew} />
            </header>
            <ChatList list={list} openId={openId} caughtUp={caughtUp} search={search} onNew={onNew} />
            <footer className="sidebar-footer">
                <Avatar id={me.userId} name={me.username} small />
                <span className="own-name"><bdi>{me.username}</bdi></span>
                <IconButton icon="leave" label="Sign out" onClick={onSignOut} />
            </footer>
        </nav>
    );
}
