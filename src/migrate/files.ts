/** The files that are imported. */
export interface Files {
  /** Throws where it cannot. */
  readonly readText: (path: string) => string;
  /** Names of what is in a folder; throws where it cannot be read. */
  readonly listFolder: (path: string) => readonly string[];
  readonly exists: (path: string) => boolean;
}

/** The folder of a file, with its final slash; '' for the one that we are in. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** Files that a pattern with `*` and `?` in its last part names, by name; a plain path names itself. */
export function glob(pattern: string, files: Files): string[] {
  const folder = folderOf(pattern);
  const name = pattern.slice(folder.length);
  if (!/[*?]/.test(name)) return files.exists(pattern) ? [pattern] : [];
  const escaped = name.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const form = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  return namesIn(folder === '' ? '.' : folder, files)
    .filter((one) => form.test(one) && !one.startsWith('.'))
    .map((one) => folder + one);
}

/** Names of what is in a folder, sorted; none where it cannot be read. */
export function namesIn(folder: string, files: Files): string[] {
  try {
    return [...files.listFolder(folder)].sort();
  } catch {
    return [];
  }
}

/** The text of a file; undefined where it cannot be read. */
export function textOf(path: string, files: Pick<Files, 'readText'>): string | undefined {
  try {
    return files.readText(path);
  } catch {
    return undefined;
  }
}
