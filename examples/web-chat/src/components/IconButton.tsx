import type { ButtonHTMLAttributes } from 'react';
import { Icon, type IconName } from './Icon';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
    icon: IconName;
    label: string;
}

export function IconButton({ icon, label, className = '', ...rest }: Props) {
    return (
        <button type="button" className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
            <Icon name={icon} />
        </button>
    );
}
