/** `path` as seen from `folder`: absolute paths stay; `.` and `..` are resolved in the text. Both use `/`. */
export function joinPath(folder: string, path: string): string {
  const text = path.startsWith('/') || folder === '' ? path : `${folder}/${path}`;
  const kept: string[] = [];
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (part !== '..' || !text.startsWith('/')) kept.push(part);
  }
  return (text.startsWith('/') ? '/' : '') + (kept.join('/') || (text.startsWith('/') ? '' : '.'));
}

/** The folder that holds the file: '' for a bare file name. */
export function folderOf(file: string): string {
  const at = file.lastIndexOf('/');
  return at === -1 ? '' : file.slice(0, at) || '/';
}
