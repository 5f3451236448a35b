"""Pure functions over arrays. They know neither database nor settings and import no other package of this project."""
