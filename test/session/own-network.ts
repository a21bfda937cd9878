import { spawnSync } from 'node:child_process';

/**
 * Runs a script again in a network namespace of its own, where all ports are free and only this machine's own
 * programs are reached (Linux, root). Gives false in the copy, where the work is to be done.
 */
export function runsInOwnNetwork(script: string, args: readonly string[] = []): boolean {
  const inside = 'ISOCHRONE_OWN_NETWORK';
  if (process.env[inside] !== undefined) return false;
  const command = 'ip link set lo up && exec "$0" "$@"';
  const { status, error } = spawnSync(
    'unshare',
    ['--net', 'sh', '-c', command, process.execPath, script, ...args],
    { env: { ...process.env, [inside]: '1' }, stdio: 'inherit' },
  );
  if (error !== undefined) throw error;
  process.exitCode = status ?? 1;
  return true;
}
