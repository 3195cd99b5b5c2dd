import type { ReactNode } from 'react';

export function EmptyState({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
    return (
        <div className="empty-state">
            <span className="empty-picture">{icon}</span>
            <h2>{title}</h2>
            {children}
        </div>
    );
}
