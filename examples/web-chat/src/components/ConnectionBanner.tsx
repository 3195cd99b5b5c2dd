import { useConnectionState } from '../hooks/useConnectionState';
import { useWhisp } from '../whisp';
import { Icon } from './Icon';

/** Says that there is no connection, what happens next, and when it is back. */
export function ConnectionBanner({ onReconnect }: { onReconnect(): void }) {
    const { whisp } = useWhisp();
    const state = useConnectionState(whisp);
    return (
        <div className="banner-place" role="status">
            {state.kind !== 'fine' && (
                <div className={`banner ${state.kind}`}>
                    <Icon name={state.kind === 'back' ? 'check' : 'offline'} />
                    {state.kind === 'offline' && 'You are offline. What you write is sent when you are back.'}
                    {/* Not every second is worth being read out. */}
                    {state.kind === 'waiting' && <>Connection lost. <span aria-hidden="true">
                        {state.seconds > 0 ? `Reconnecting in ${state.seconds} s…` : 'Reconnecting…'}
                    </span></>}
                    {state.kind === 'back' && 'Back online'}
                    {state.kind === 'ended' && <>
                        Disconnected.
                        <button type="button" className="link" onClick={onReconnect}>Reconnect</button>
                    </>}
                </div>
            )}
        </div>
    );
}
