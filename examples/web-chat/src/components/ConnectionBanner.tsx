import { useConnectionState } from '../hooks/useConnectionState';
import { useWhisp } from '../whisp';
import { Icon } from './Icon';

/** Says that there is no connection, why, what happens next, and when it is back. */
export function ConnectionBanner({ onConnect }: { onConnect(): void }) {
    const { whisp } = useWhisp();
    const state = useConnectionState(whisp);
    return (
        <div className="banner-place" role="status">
            {state.kind !== 'fine' && (
                <div className={`banner ${state.kind}`}>
                    <Icon name={state.kind === 'back' ? 'check' : 'offline'} />
                    {state.kind === 'offline' && <span>You are offline. What you write is sent when you are back.</span>}
                    {/* Not every second is worth being read out. */}
                    {state.kind === 'waiting' && <>
                        <span>{state.why ?? 'Connection lost.'} <span aria-hidden="true">
                            {state.seconds > 0 ? `Reconnecting in ${state.seconds} s…` : 'Reconnecting…'}
                        </span></span>
                        <button type="button" className="link" onClick={onConnect}>Retry now</button>
                    </>}
                    {state.kind === 'back' && 'Back online'}
                    {state.kind === 'ended' && <>
                        Disconnected.
                        <button type="button" className="link" onClick={onConnect}>Reconnect</button>
                    </>}
                </div>
            )}
        </div>
    );
}
