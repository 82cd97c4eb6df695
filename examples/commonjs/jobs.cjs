/** Workers in CommonJS: an exported function is one, called by its name. */
exports.add = (_ctx, numbers) => numbers.reduce((sum, number) => sum + number, 0);
