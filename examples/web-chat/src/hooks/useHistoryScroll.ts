import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** An element that is shown stands so far below the top, in CSS pixels. */
const BELOW_TOP = 60;
/** So near to the end counts as there, in CSS pixels. */
const NEAR = 40;

/**
 * Keeps a list that grows at both ends still under the reader's eyes: at the end it follows what
 * comes; elsewhere, what is put before the first item moves nothing. (Browsers do some of that
 * themselves, though not at the very top, and not all of them: `overflow-anchor` is off.)
 */
export function useHistoryScroll(box: RefObject<HTMLElement | null>, first: string | undefined):
{ atEnd: boolean; toEnd(): void; show(element: HTMLElement): void } {
    const [atEnd, setAtEnd] = useState(true);
    const follows = useRef(true);
    const before = useRef({ first, height: 0 });

    const toEnd = useCallback(() => {
        follows.current = true;
        setAtEnd(true);
        box.current?.scrollTo({ top: box.current.scrollHeight });
    }, [box]);

    const measure = useCallback((element: HTMLElement) => {
        follows.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
        setAtEnd(follows.current);
    }, []);

    const show = useCallback((element: HTMLElement) => {
        if (box.current) {
            box.current.scrollTop += element.getBoundingClientRect().top - box.current.getBoundingClientRect().top - BELOW_TOP;
            measure(box.current);
        }
    }, [box, measure]);

    useLayoutEffect(() => {
        const element = box.current;
        if (!element) {
            return;
        }
        if (follows.current) {
            element.scrollTop = element.scrollHeight;
        } else if (before.current.first !== first) {
            element.scrollTop += element.scrollHeight - before.current.height;
        }
        before.current = { first, height: element.scrollHeight };
    });

    useEffect(() => {
        const element = box.current;
        const content = element?.firstElementChild;
        if (!element || !content) {
            return undefined;
        }
        const scrolled = (): void => measure(element);
        const resized = new ResizeObserver(() => {
            before.current.height = element.scrollHeight;
            if (follows.current) {
                element.scrollTop = element.scrollHeight;
            }
        });
        element.addEventListener('scroll', scrolled, { passive: true });
        resized.observe(element);
        resized.observe(content);
        return () => {
            element.removeEventListener('scroll', scrolled);
            resized.disconnect();
        };
    }, [box, measure]);

    return { atEnd, toEnd, show };
}
