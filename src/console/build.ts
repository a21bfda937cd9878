import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { quantize } from 'topojson-client';
import { build, type Plugin } from 'vite';

/**
 * Builds the web console from src/console/web into src/console/dist: `npm run console`. The result is checked
 * in, so that whoever runs the program needs no build; a test builds it again and compares.
 */

const HERE = fileURLToPath(new URL('.', import.meta.url));
const COMPRESSED = /\.(?:html|js|css|json)$/;
/** Names that the program imports to get the address of the atlas. */
const ATLAS_MODULE = 'virtual:atlas';
/** The atlas lies on a grid of so many steps: 0.07 degrees of longitude, half a pixel of a screen of 2560. */
const ATLAS_STEPS = 5000;

/** Builds the console into a folder, which is emptied first. */
export async function buildConsole(folder: string): Promise<void> {
  await build({
    root: join(HERE, 'web'),
    configFile: false,
    logLevel: 'error',
    mode: 'production',
    plugins: [atlasPlugin()],
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2022',
      // The policy of the console allows no inline script and no data but images.
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      license: { fileName: 'licenses.md' },
    },
  });
  await compressAll(folder);
}

/** Writes `.br` and `.gz` beside each file that shrinks, so that nobody compresses when asked. */
async function compressAll(folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true });
  for (const name of names.filter((one) => COMPRESSED.test(one))) {
    const octets = await readFile(join(folder, name));
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: octets.length,
    };
    await writeFile(join(folder, `${name}.br`), brotliCompressSync(octets, { params }));
    await writeFile(join(folder, `${name}.gz`), gzipSync(octets, { level: 9 }));
  }
}

/** Gives `atlasUrl`: the borders of countries as an asset of its own. */
function atlasPlugin(): Plugin {
  return {
    name: 'atlas',
    resolveId: (id) => (id === ATLAS_MODULE ? `\0${ATLAS_MODULE}` : undefined),
    load(id) {
      if (id !== `\0${ATLAS_MODULE}`) return undefined;
      const reference = this.emitFile({ type: 'asset', name: 'atlas.json', source: atlas() });
      return `export const atlasUrl = import.meta.ROLLUP_FILE_URL_${reference};`;
    },
  };
}

/** The 1:50 million countries of Natural Earth (public domain), as coarse as a screen needs them. */
function atlas(): string {
  const file = createRequire(import.meta.url).resolve('world-atlas/countries-50m.json');
  const topology = JSON.parse(readFileSync(file, 'utf8')) as Parameters<typeof quantize>[0];
  const { scale, translate } = topology.transform as NonNullable<typeof topology.transform>;
  const arcs = topology.arcs.map((arc) => {
    let x = 0;
    let y = 0;
    return arc.map(([right = 0, up = 0]) => {
      x += right;
      y += up;
      return [x * scale[0] + translate[0], y * scale[1] + translate[1]];
    });
  });
  const { transform: _, ...rest } = topology;
  const countries = topology.objects['countries'] as { geometries: object[] };
  for (const geometry of countries.geometries as { id?: unknown; properties?: unknown }[]) {
    delete geometry.id;
    delete geometry.properties;
  }
  const bare = { ...rest, arcs, objects: { countries } } as unknown as Parameters<typeof quantize>[0];
  return JSON.stringify(quantize(bare, ATLAS_STEPS));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildConsole(join(HERE, 'dist'));
