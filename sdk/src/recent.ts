/** The ids seen last, to tell what came twice. */
export class Recent {
    #ids = new Set<string>();
    #most: number;

    constructor(most = 10_000) {
        this.#most = most;
    }

    /** False when it was there already. */
    add(id: string): boolean {
        if (this.#ids.has(id)) {
            return false;
        }
        this.#ids.add(id);
        if (this.#ids.size > this.#most) {
            const [oldest] = this.#ids; // a Set keeps the order of insertion
            this.#ids.delete(oldest as string);
        }
        return true;
    }

    clear(): void {
        this.#ids.clear();
    }
}
