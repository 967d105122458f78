/* Several files that get one link: as one file, in which they stand one behind the other. No byte of
   them is read for that. */

export const MOST = 2000;

const pathOf = (file) => file.path || file.webkitRelativePath || file.name;

/** Files as one, whose `members` they are. */
export function joined(files, name) {
  const members = files.flatMap((file) => file.members ?? file);
  const lastModified = Math.max(...members.map((file) => file.lastModified));
  return Object.assign(new File(members, name, { type: "application/zip", lastModified }), { members });
}

/** The same files, but each folder among them as one. */
export function gathered(files) {
  const folders = new Map();
  for (const file of files) {
    const [top, below] = pathOf(file).split("/");
    const key = below === undefined ? file : top;
    folders.set(key, [...(folders.get(key) ?? []), file]);
  }
  return [...folders].map(([key, inside]) => (key instanceof File ? key : joined(inside, key)));
}

/** What the server is told of each. */
export function entriesOf({ members }) {
  return members.map((file) => ({
    path: pathOf(file),
    size: file.size,
    filetype: typeOf(file),
    utime: file.lastModified * 1000,
  }));
}

export function typeOf(file) {
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(file.type) ? file.type : "";
}

/** A name that each system has files by: none that leads up, is a device, or turns its letters. */
function safeName(name) {
  return name
    .replace(/[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069<>:"|?*\\]/g, "_")
    .replace(/[. ]+$/, "_")
    .replace(/^(con|prn|aux|nul|com\d|lpt\d)(?= *(\.|$))/i, "_$1")
    .normalize();
}

/** Paths that each system has files at, no two of them the same. */
export function pathsOf({ members }) {
  const taken = new Set();
  return members.map((file) => {
    const path = pathOf(file).split("/").map(safeName).join("/");
    const [, stem, suffix] = path.match(/^(.*?)(\.[^./]*)?$/s);
    let safe = path;
    for (let n = 2; taken.has(safe.toLowerCase()); n += 1) safe = `${stem} (${n})${suffix ?? ""}`;
    taken.add(safe.toLowerCase());
    return safe;
  });
}
