import { useState } from 'react';

/** Something that takes a while and may fail, one at a time: `run` resolves with whether it went well. */
export function useTask(): { busy: boolean; error: string | null; run(work: () => Promise<unknown>): Promise<boolean> } {
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<string | null>(null);

    async function run(work: () => Promise<unknown>): Promise<boolean> {
        setBusy(true);
        setError(null);
        try {
            await work();
            return true;
        } catch (problem) {
            setError((problem as Error).message);
            return false;
        } finally {
            setBusy(false);
        }
    }
    return { busy, error, run };
}
