// What the project uses of @std/fmt/colors; the npm package comes without types.

export function dim(text: string): string;
export function gray(text: string): string;
export function green(text: string): string;
export function red(text: string): string;
export function yellow(text: string): string;
