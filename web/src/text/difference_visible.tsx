export { Visible } from "./visible";
