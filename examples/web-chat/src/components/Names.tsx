import { Fragment } from 'react';
import { summed } from '../words';

/** "Ann, Bob and Carl", each name in its own direction; with `max`, two of them "and 38 others". */
export function Names({ names, max = names.length }: { names: string[]; max?: number }) {
    const shown = summed(names, max);
    return shown.map((name, i) => (
        <Fragment key={i}>
            {i > 0 && (i === shown.length - 1 ? ' and ' : ', ')}
            <bdi>{name}</bdi>
        </Fragment>
    ));
}
