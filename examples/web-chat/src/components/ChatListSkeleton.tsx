/** Where the chats will be, until they are read. */
export function ChatListSkeleton() {
    return (
        <div className="chat-list-box" role="status" aria-label="Reading your chats">
            {[70, 45, 60, 50, 75].map((width) => (
                <div key={width} className="chat-item skeleton">
                    <span className="avatar" />
                    <span className="bar" style={{ width: `${width}%` }} />
                    <span className="bar thin" />
                </div>
            ))}
        </div>
    );
}
