import type { Notice } from '../hooks/useNotices';
import { fullTime } from '../times';
import { useWhisp } from '../whisp';

const WORDS = { joined: 'joined', left: 'left', renamed: 'The chat is now called' };

/** A line about the chat itself. */
export function NoticeItem({ notice: { kind, name, at } }: { notice: Notice }) {
    const { me } = useWhisp();
    const shown = <bdi>{name === me.username && kind !== 'renamed' ? 'You' : name}</bdi>;
    return (
        <li className="chat-notice" title={fullTime(at)}>
            {kind === 'renamed' ? <>{WORDS.renamed} {shown}</> : <>{shown} {WORDS[kind]}</>}
        </li>
    );
}
