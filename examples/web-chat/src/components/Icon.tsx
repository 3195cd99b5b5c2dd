const PATHS = {
    back: 'M15 5l-7 7 7 7',
    check: 'M5 12.5l4.5 4.5L19 7.5',
    clock: 'M12 7v5l3 2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z',
    close: 'M6 6l12 12M18 6L6 18',
    chat: 'M12 4.5c-4.7 0-8.5 3-8.5 7 0 2.3 1.2 4.2 3.2 5.5L6 20.5l4.2-2.2c.6.1 1.2.2 1.8.2 4.7 0 8.5-3 8.5-7s-3.8-7-8.5-7z',
    compose: 'M12 5v14M5 12h14',
    down: 'M12 5v14M6 13l6 6 6-6',
    edit: 'M4 20l1-4L16 5l3 3L8 19z',
    info: 'M5 8h14M5 16h14M9 5.5v5M15 13.5v5',
    leave: 'M14 4h4.5a1.5 1.5 0 0 1 1.5 1.5v13a1.5 1.5 0 0 1-1.5 1.5H14M4 12h11M8 8l-4 4 4 4',
    offline: 'M4 4l16 16M5 11a10 10 0 0 1 4-2.3M12.5 8c2.5.1 4.8 1.2 6.5 3M8 14.5a6 6 0 0 1 5-1.6M12 18.5h.01',
    people: 'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.5c0-3 2.9-5 6.5-5s6.5 2 6.5 5M16 5a3.5 3.5 0 0 1 0 6.5M18 15c2.2.7 3.5 2.3 3.5 4.5',
    reply: 'M9 6l-5 5 5 5M4 11h9a7 7 0 0 1 7 7v1',
    send: 'M5 12l-1-8 17 8-17 8zM5 12h8',
    smile: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM8.5 14.5c1.9 2.3 5.1 2.3 7 0M9 9.5h.01M15 9.5h.01',
    trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10 11v5M14 11v5',
    warning: 'M12 9v4.5M12 17h.01M12 3.5L2.5 20h19z',
};

export type IconName = keyof typeof PATHS;

/** A picture beside words or inside of a labelled button: never the only name of anything. */
export function Icon({ name }: { name: IconName }) {
    return (
        <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
            <path d={PATHS[name]} />
        </svg>
    );
}
