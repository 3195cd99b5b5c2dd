import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './components/App';
import { Icon } from './components/Icon';
import { ChatClient } from './whisp';
import { EmptyState } from './components/EmptyState';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/layout.css';
import './styles/sign-in.css';
import './styles/sidebar.css';
import './styles/chat.css';
import './styles/message.css';
import './styles/composer.css';
import './styles/dialog.css';

const root = createRoot(document.getElementById('root') as HTMLElement);

try {
    const answer = await fetch('/config');
    const { whispUrl } = await answer.json() as { whispUrl: string };
    const whisp = new ChatClient({ baseUrl: whispUrl });
    root.render(<StrictMode><App whisp={whisp} /></StrictMode>);
} catch {
    root.render(
        <EmptyState icon={<Icon name="offline" />} title="The chat does not answer">
            <button className="button" onClick={() => location.reload()}>Try again</button>
        </EmptyState>,
    );
}
