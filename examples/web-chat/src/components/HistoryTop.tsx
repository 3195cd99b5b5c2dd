import { type RefObject, useEffect, useRef } from 'react';
import type { useMessages } from 'whisp-sdk/react';

/** How far above the first visible message older ones are asked for already. */
const AHEAD = '400px 0px 0px 0px';

/** The top of what was read: reads on when it comes near. Always of one height, so that nothing jumps. */
export function HistoryTop({ list, box }: { list: ReturnType<typeof useMessages>; box: RefObject<HTMLElement | null> }) {
    const { loading, hasMore, error, loadMore } = list;
    const top = useRef<HTMLDivElement>(null);

    useEffect(() => {
        if (!top.current || !hasMore || loading || error) {
            return undefined;
        }
        const watching = new IntersectionObserver(([entry]) => entry?.isIntersecting && loadMore(),
                                                  { root: box.current, rootMargin: AHEAD });
        watching.observe(top.current);
        return () => watching.disconnect();
    }, [hasMore, loading, error, loadMore, box]);

    return (
        <div ref={top} className="history-top">
            {!hasMore ? <span className="soft">This is where it began.</span>
                : error && !loading
                    ? <button type="button" className="link" onClick={loadMore}>Older messages could not be read. Try again</button>
                    : <span className="spinner" aria-label="Reading older messages" role="img" />}
        </div>
    );
}
