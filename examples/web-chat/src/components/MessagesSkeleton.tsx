const WIDTHS = [38, 52, 30, 46, 60, 34];

/** Where the messages will be, until they are read. */
export function MessagesSkeleton() {
    return (
        <div className="messages-skeleton" role="img" aria-label="Reading the messages">
            {WIDTHS.map((width, i) => (
                <span key={width} className={`skeleton-bubble ${i % 3 === 2 ? 'mine' : ''}`} style={{ width: `${width}%` }} />
            ))}
        </div>
    );
}
