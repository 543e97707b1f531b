package series

import "math"

// A nested least-squares fit: columns are added in groups, and the sum of squared
// residuals is known after each column, from one Cholesky factor of the normal
// equations.
//
//	RSS(k) = y·y - Σ_{i<k} l_i²      l = the factor's last row
//
// Cost: rows * columns² / 2 multiplications. Source: any textbook on linear models.
type fit struct {
	columns int
	factor  [maxColumns + 1][maxColumns + 1]float64
}

const (
	maxColumns = 28
	// dependent is the share of a column's squares below which the columns before
	// say all of it.
	dependent = 1e-9
)

// add takes one row in: the regressors, the value behind them.
func (f *fit) add(row []float64) {
	for i := range row {
		x := row[i]
		for j := 0; j <= i; j++ {
			f.factor[i][j] += float64(x * row[j])
		}
	}
	f.columns = len(row) - 1
}

// solve replaces the sums of products by their factor.
func (f *fit) solve() {
	for i := 0; i <= f.columns; i++ {
		for j := 0; j <= i; j++ {
			sum := f.factor[i][j]
			for k := range j {
				sum -= float64(f.factor[i][k] * f.factor[j][k])
			}
			if i == j {
				f.factor[i][i] = pivot(sum, f.factor[i][i], i == f.columns)
				continue
			}
			f.factor[i][j] = sum / f.factor[j][j]
		}
	}
}

// pivot is the root of what is left of a column's sum of squares; +Inf, so that it
// counts for nothing, if it depends on those before.
func pivot(left, whole float64, value bool) float64 {
	if !value && left <= dependent*whole {
		return math.Inf(1)
	}
	return math.Sqrt(max(left, 0))
}

// rest is the sum of squared residuals with the first columns only.
func (f *fit) rest(columns int) float64 {
	sum := float64(f.factor[f.columns][f.columns] * f.factor[f.columns][f.columns])
	for i := columns; i < f.columns; i++ {
		sum += float64(f.factor[f.columns][i] * f.factor[f.columns][i])
	}
	return sum
}

// coefficients of all columns.
func (f *fit) coefficients() (b [maxColumns]float64) {
	for i := f.columns - 1; i >= 0; i-- {
		sum := f.factor[f.columns][i]
		for k := i + 1; k < f.columns; k++ {
			sum -= float64(f.factor[k][i] * b[k])
		}
		b[i] = sum / f.factor[i][i]
	}
	return b
}
