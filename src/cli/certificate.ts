import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import type { CounterSnapshot, FamilySnapshot } from '../base/counters.ts';
import { formatProblem, OperatorError, type Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { CertificateAndKey, SecureServerOptions } from '../server/supervisor-secure.ts';
import type { Terminal } from './command.ts';

/** A certificate that goes with its key. */
export interface Certificate {
  readonly pair: CertificateAndKey;
  /** When it ends, Unix ms. */
  readonly notAfterMs: number;
}

/** Where a certificate and its key are. */
interface Files {
  readonly certificate: string;
  readonly key: string;
}

/** How often the files are looked at, ms: they are short, and a change is not waited for. */
const LOOK_MS = 2_000;
/** Session tickets are of no use to whoever steals their keys after so long, ms (RFC 8446 §8.1). */
const TICKET_KEYS_MS = 6 * 3_600_000;

/**
 * Where and with what the configuration has TLS spoken; undefined if nowhere. `development` gives the
 * certificate where the configuration names none; without one too, that is an `OperatorError`, as are files
 * that are no use.
 */
export function secureServer(
  { file, listen, tls }: Config,
  terminal: Terminal,
  development?: CertificateAndKey,
): SecureServerOptions | undefined {
  const { dot, doh } = listen;
  if (dot.length + doh.length === 0) return undefined;
  const files = filesOf(tls);
  const pair = files === undefined ? development : readCertificate(files, terminal).pair;
  if (pair === undefined) {
    const message = 'listen.dot and listen.doh need a certificate: set tls.certificate and tls.key';
    throw new OperatorError('bad-config', [{ file, message }]);
  }
  return { dot, doh, path: tls.path, workers: tls.workers, credentials: pair };
}

/** What is wrong with the certificate and the key that a configuration names. */
export function certificateProblems({ tls }: Config, terminal: Terminal): readonly Problem[] {
  const files = filesOf(tls);
  if (files === undefined) return [];
  try {
    readCertificate(files, terminal);
    return [];
  } catch (error) {
    if (error instanceof OperatorError) return error.problems;
    throw error;
  }
}

/** What `watchCertificate` needs. */
export interface CertificateWatch {
  readonly config: Config;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** What is in use at first. */
  readonly pair: CertificateAndKey;
  /** Takes a certificate into use; at times the same with new ticket keys. */
  readonly use: (pair: CertificateAndKey) => void;
  readonly log: (message: string) => void;
}

/**
 * Reads the certificate's files again when they change, and at SIGHUP. One that is no use is not taken: the
 * log says why, and the one before stays.
 */
export function watchCertificate(options: CertificateWatch): {
  readonly close: () => void;
  readonly counters: () => CounterSnapshot;
} {
  const { config, terminal, clock, use, log } = options;
  const files = filesOf(config.tls);
  let current = certificateOf(options.pair);
  let seen: CertificateAndKey | undefined = options.pair;
  let told = '';
  const reloads = { taken: 0, refused: 0 };
  const look = (isAsked: boolean): void => {
    if (files === undefined) return;
    try {
      const pair = readPair(files, terminal);
      if (!isAsked && pair.certificate === seen?.certificate && pair.key === seen.key) return;
      seen = pair;
      current = checked(pair, files);
      reloads.taken++;
      told = '';
      use(pair);
      log(`${files.certificate}: this certificate is in use now, ${endText(current, clock)}`);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      const text = error.problems.map(formatProblem).join('; ');
      if (text === told && !isAsked) return;
      told = text;
      reloads.refused++;
      log(`the certificate in use stays: ${text}`);
    }
  };
  const timers = [
    setInterval(() => look(false), LOOK_MS),
    setInterval(() => use(current.pair), TICKET_KEYS_MS),
  ];
  const forget = files === undefined ? () => undefined : terminal.onHangup(() => look(true));
  if (files !== undefined) log(`${files.certificate}: ${endText(current, clock)}`);
  return {
    close: () => {
      for (const timer of timers) clearInterval(timer);
      forget();
    },
    counters: () => ({ families: certificateFamilies(current, reloads), histograms: [] }),
  };
}

/** What is told of a certificate as metrics. */
export function certificateFamilies(
  { notAfterMs }: Certificate,
  reloads: Readonly<Record<string, number>>,
): FamilySnapshot[] {
  return [
    {
      name: 'isochrone_tls_certificate_expiry_timestamp_seconds',
      help: 'When the certificate for DNS over TLS and HTTPS ends, Unix time.',
      kind: 'gauge',
      labels: [],
      samples: [{ values: [], value: notAfterMs / 1000 }],
    },
    {
      name: 'isochrone_tls_certificate_reloads_total',
      help: 'Times that its files had changed, or SIGHUP came: taken into use, or refused.',
      kind: 'counter',
      labels: ['result'],
      samples: Object.entries(reloads).map(([result, value]) => ({ values: [result], value })),
    },
  ];
}

function endText({ notAfterMs }: Certificate, clock: Clock): string {
  const date = new Date(notAfterMs).toISOString().slice(0, 10);
  return notAfterMs < clock.nowMs() ? `it HAS ENDED on ${date}` : `it ends on ${date}`;
}

function filesOf({ certificate, key }: Config['tls']): Files | undefined {
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

function readCertificate(files: Files, terminal: Terminal): Certificate {
  return checked(readPair(files, terminal), files);
}

/** The texts of both files. Throws `OperatorError` with everything that cannot be read. */
export function readPair(files: Files, terminal: Terminal): CertificateAndKey {
  const problems: Problem[] = [];
  const read = (path: string): string => {
    try {
      return terminal.readText(path);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      problems.push(...error.problems);
      return '';
    }
  };
  const pair = { certificate: read(files.certificate), key: read(files.key) };
  if (problems.length > 0) throw new OperatorError('bad-config', problems);
  return pair;
}

/** The pair, if TLS can be spoken with it. */
function checked(pair: CertificateAndKey, files: Files): Certificate {
  const problems: Problem[] = [];
  const attempt = (file: string, what: string, doIt: () => unknown): void => {
    try {
      doIt();
    } catch (error) {
      problems.push({ file, message: `${what} (${(error as Error).message})` });
    }
  };
  attempt(files.certificate, 'is no certificate in PEM form', () => new X509Certificate(pair.certificate));
  attempt(files.key, 'is no private key in PEM form', () => createPrivateKey(pair.key));
  if (problems.length === 0) {
    const leaf = new X509Certificate(pair.certificate);
    if (!leaf.checkPrivateKey(createPrivateKey(pair.key)))
      problems.push({ file: files.key, message: `does not belong to ${files.certificate}` });
    else
      attempt(files.certificate, 'cannot be used', () =>
        createSecureContext({ cert: pair.certificate, key: pair.key }),
      );
  }
  if (problems.length > 0) throw new OperatorError('bad-config', problems);
  return certificateOf(pair);
}

function certificateOf(pair: CertificateAndKey): Certificate {
  return { pair, notAfterMs: Date.parse(new X509Certificate(pair.certificate).validTo) };
}
