/** The stores of the old dm-snapshot target, loaded where one is made or opened. */
import { Part } from "../../task.ts";

export const cowStores = new Part(() => import("./stores.ts"));
