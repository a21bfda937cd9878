import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../config/config.ts';
import { isLoopback } from '../config/scalars.ts';
import type { Terminal } from './command.ts';
import { writeSaved } from './saved-files.ts';

/** The secret of changes, and where whoever may make them finds it, in words. */
export interface AdminToken {
  readonly token: string;
  readonly where: string;
}

/** File of the state folder that keeps the token, for the owner alone. */
const TOKEN_FILE = 'admin.token';
const TOKEN_OCTETS = 32;
const OWNER_ALONE = 0o600;
/** Rights of users who are neither the owner nor of the file's group. */
const OTHERS = 0o007;
/** What a token is made of: it goes into a header as it is. */
const TOKEN = /^[\x21-\x7e]{16,256}$/;

/** The token in a state folder; undefined where there is none that one may read. */
export function savedToken(folder: string, read: Terminal['readText']): string | undefined {
  try {
    const text = read(join(folder, TOKEN_FILE)).trim();
    return TOKEN.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The token that changes must carry here: of the variable ISOCHRONE_TOKEN, else of the configuration, else
 * the one kept in the state folder, which is made where there is none.
 */
export function adminToken(
  config: Pick<Config, 'admin' | 'listen'>,
  parts: {
    /** The state folder. */
    readonly folder: string;
    readonly terminal: Pick<Terminal, 'environment'>;
    readonly log: (message: string) => void;
  },
): AdminToken {
  const variable = parts.terminal.environment['ISOCHRONE_TOKEN'] ?? '';
  if (variable !== '') return { token: variable, where: 'the one of ISOCHRONE_TOKEN' };
  const { token } = config.admin;
  if (token !== undefined) return { token, where: 'admin.token of the configuration' };
  const path = join(parts.folder, TOKEN_FILE);
  const { admin } = config.listen;
  const isNear = admin !== 'off' && isLoopback(admin.host);
  // Others need not know this machine's folders.
  const where = `in ${isNear ? path : `${TOKEN_FILE} of the state folder`}`;
  return { token: keptToken(path, parts.log), where };
}

/** What the file has, or a new one for it. Where nothing can be kept, the log says so. */
function keptToken(path: string, log: (message: string) => void): string {
  const made = randomBytes(TOKEN_OCTETS).toString('base64url');
  try {
    const kept = tokenIn(path);
    if (kept === undefined) return create(path, made);
    // Whoever can read it may drain POPs.
    if ((statSync(path).mode & OTHERS) !== 0) chmodSync(path, OWNER_ALONE);
    return kept;
  } catch (error) {
    log(`no token for changes can be kept: ${(error as Error).message}; set ISOCHRONE_TOKEN or admin.token`);
    return made;
  }
}

/** Puts a token there, unless another process was faster, which starts too: gives the one that is there. */
function create(path: string, token: string): string {
  const beside = `${path}.${process.pid}.new`;
  writeSaved(beside, `${token}\n`);
  try {
    linkSync(beside, path);
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const theirs = tokenIn(path);
    // What is there is no token: of no use to anybody.
    if (theirs === undefined) renameSync(beside, path);
    return theirs ?? token;
  } finally {
    rmSync(beside, { force: true });
  }
}

function tokenIn(path: string): string | undefined {
  return savedToken(dirname(path), (file) => readFileSync(file, 'utf8'));
}
