// Bundles each entry as an app would, without its dependencies, and holds it to its size.

import { build } from 'esbuild';
import { gzipSync } from 'node:zlib';

const entries = [
    { file: 'src/index.ts', most: 12 * 1024 },
    { file: 'src/react/index.ts', most: 3 * 1024 },
];

for (const { file, most } of entries) {
    const { outputFiles } = await build({
        entryPoints: [file], bundle: true, minify: true, write: false, format: 'esm', target: 'es2022',
        external: ['react'],
    });
    const size = gzipSync(outputFiles[0].contents, { level: 9 }).length;
    console.log(`${file}: ${size} bytes minified and gzipped, of ${most}`);
    if (size > most) {
        process.exitCode = 1;
    }
}
