import type { KeyboardEvent } from 'react';

/** What Safari gives the Enter that ends a composition, after `isComposing` is false again. */
const IN_COMPOSITION = 229;

/** The key is for the input method (of Japanese, Chinese, …), not for the page. */
export function isComposing({ nativeEvent }: KeyboardEvent): boolean {
    return nativeEvent.isComposing || nativeEvent.keyCode === IN_COMPOSITION;
}
