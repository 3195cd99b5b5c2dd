import type { CSSProperties } from 'react';
import { hueOf, initials } from '../words';

/** Initials in a colour that goes with the id. The name stands beside it, so it says nothing itself. */
export function Avatar({ id, name, small = false }: { id: string; name: string; small?: boolean }) {
    return (
        <span className={`avatar ${small ? 'small' : ''}`} style={{ '--hue': hueOf(id) } as CSSProperties} aria-hidden="true">
            {initials(name)}
        </span>
    );
}
