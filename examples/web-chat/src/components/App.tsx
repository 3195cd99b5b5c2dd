import type { WhispClient } from 'whisp-sdk';
import { useSession } from '../hooks/useSession';
import { Messenger } from './Messenger';
import { SignIn } from './SignIn';

export function App({ whisp }: { whisp: WhispClient }) {
    const userId = useSession(whisp);
    return userId ? <Messenger key={userId} whisp={whisp} userId={userId} /> : <SignIn whisp={whisp} />;
}
