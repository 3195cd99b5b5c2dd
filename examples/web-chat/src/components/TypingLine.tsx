import { useTyping } from 'whisp-sdk/react';
import { useWhisp } from '../whisp';
import { listed } from '../words';

const MOST_NAMES = 3;

/** Who is typing. Its place stays when nobody is. */
export function TypingLine({ chatId, nameOf }: { chatId: string; nameOf(userId: string): string }) {
    const { whisp } = useWhisp();
    const names = useTyping(whisp, chatId).map(nameOf);
    return (
        <p className="typing">
            {names.length > 0 && <>
                <span className="typing-dots" aria-hidden="true"><i /><i /><i /></span>
                {names.length > MOST_NAMES ? 'Several people are' : `${listed(names)} ${names.length > 1 ? 'are' : 'is'}`} typing…
            </>}
        </p>
    );
}
