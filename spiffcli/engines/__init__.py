"""Ready engine modules for `-e`. A module of your own has the same shape: it exports `engine`."""
