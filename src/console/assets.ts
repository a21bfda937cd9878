import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { extname, join, relative } from 'node:path';
import { codingsOf } from './codings.ts';
import { problemReply, type Reply } from './reply.ts';

/** The web application, as it was built: read once. */
export interface Assets {
  /** The reply to a request for `/` or a file of the application. */
  readonly reply: (path: string, request: IncomingMessage) => Reply;
}

/** Variants that lie beside a file, by their coding; the better one first. */
const CODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.md': 'text/plain; charset=utf-8',
};
/** A year: names of what lies here change with the content. */
const FOREVER = 'public, max-age=31536000, immutable';

interface File {
  readonly type: string;
  readonly octets: Uint8Array;
  readonly tag: string;
  /** Compressed, by coding. */
  readonly coded: ReadonlyMap<string, Uint8Array>;
}

/** Reads a folder that the build wrote. An application that is not built is told of when asked for. */
export async function readAssets(folder: string): Promise<Assets> {
  const files = await readFiles(folder);
  return {
    reply: (path, request) => {
      const file = files.get(path === '/' ? '/index.html' : path);
      if (file !== undefined) return fileReply(file, path, request);
      const words =
        path === '/' ? 'the web application is not built: npm run console' : `there is nothing at ${path}`;
      return problemReply(404, [words], 'not-found');
    },
  };
}

/** All files that may be asked for, by path. */
async function readFiles(folder: string): Promise<ReadonlyMap<string, File>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const names = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)));
  const files = new Map<string, File>();
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const octets = await readFile(join(folder, name));
    const coded = new Map<string, Uint8Array>();
    for (const [coding, ending] of CODINGS)
      if (names.includes(name + ending)) coded.set(coding, await readFile(join(folder, name + ending)));
    const tag = createHash('sha256').update(octets).digest('base64url').slice(0, 22);
    files.set(`/${name}`, { type, octets, tag, coded });
  }
  return files;
}

function fileReply({ type, octets, tag, coded }: File, path: string, { headers }: IncomingMessage): Reply {
  const accepted = codingsOf(headers['accept-encoding']);
  const coding = CODINGS.map(([name]) => name).find((name) => coded.has(name) && accepted.has(name));
  // Each variant has a tag of its own: they differ octet for octet (RFC 9110 §8.8.3).
  const own = `"${tag}${coding === undefined ? '' : `-${coding}`}"`;
  const about = {
    etag: own,
    vary: 'accept-encoding',
    'cache-control': path.startsWith('/assets/') ? FOREVER : 'no-cache',
  };
  const known = (headers['if-none-match'] ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''));
  if (known.includes(own) || known.includes('*')) return { status: 304, type, body: '', headers: about };
  const body = coding === undefined ? octets : (coded.get(coding) ?? octets);
  const encoding = coding === undefined ? {} : { 'content-encoding': coding };
  return { status: 200, type, body, headers: { ...about, ...encoding } };
}
