import { useTyping } from 'whisp-sdk/react';
import { useWhisp } from '../whisp';
import { Names } from './Names';

const MAX_NAMES = 3;

/** Who is typing. Its place stays when nobody is. */
export function TypingLine({ chatId, nameOf }: { chatId: string; nameOf(userId: string): string }) {
    const { whisp } = useWhisp();
    const names = useTyping(whisp, chatId).map(nameOf);
    return (
        <p className="typing">
            {names.length > 0 && <>
                <span className="typing-dots" aria-hidden="true"><i /><i /><i /></span>
                <span>{names.length > MAX_NAMES ? 'Several people are' : <><Names names={names} /> {names.length > 1 ? 'are' : 'is'}</>} typing…</span>
            </>}
        </p>
    );
}
