import { defineConfig } from 'vite';

export default defineConfig({
    // whisp-sdk is a link to a folder that has a React of its own, for its tests.
    resolve: { dedupe: ['react', 'react-dom'] },
    build: { outDir: 'dist', target: 'es2022' },
});
