import type { useChats } from 'whisp-sdk/react';
import { useWhisp } from '../whisp';
import { Avatar } from './Avatar';
import { ChatList } from './ChatList';
import { IconButton } from './IconButton';

interface Props {
    list: ReturnType<typeof useChats>;
    openId: string | null;
    onNew(): void;
    onSignOut(): void;
}

export function Sidebar({ list, openId, onNew, onSignOut }: Props) {
    const { me } = useWhisp();
    return (
        <nav className="sidebar" aria-label="Chats">
            <header className="sidebar-header">
                <h1>Chats</h1>
                <IconButton icon="compose" label="New chat" className="accent" onClick={onNew} />
            </header>
            <ChatList list={list} openId={openId} onNew={onNew} />
            <footer className="sidebar-footer">
                <Avatar id={me.userId} name={me.username} small />
                <span className="own-name">{me.username}</span>
                <IconButton icon="leave" label="Sign out" onClick={onSignOut} />
            </footer>
        </nav>
    );
}
