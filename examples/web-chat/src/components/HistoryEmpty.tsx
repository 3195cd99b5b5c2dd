import type { useMessages } from 'whisp-sdk/react';
import { EmptyState } from './EmptyState';
import { Icon } from './Icon';

/** A chat without messages, or whose messages could not be read. */
export function HistoryEmpty({ list: { error, reload } }: { list: ReturnType<typeof useMessages> }) {
    return error ? (
        <EmptyState icon={<Icon name="warning" />} title="The messages could not be read">
            <p className="soft">{error.message}</p>
            <button type="button" className="button" onClick={reload}>Try again</button>
        </EmptyState>
    ) : (
        <EmptyState icon={<Icon name="smile" />} title="Nothing here yet">
            <p className="soft">Say hello: the first message is yours.</p>
        </EmptyState>
    );
}
